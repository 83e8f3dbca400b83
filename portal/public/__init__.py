"""The pages for everybody: what the product is, its documentation, how it does, and the texts of law."""
