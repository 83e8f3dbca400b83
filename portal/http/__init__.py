"""What stands before Django: request ids, bounds of bodies, the live check's route."""
