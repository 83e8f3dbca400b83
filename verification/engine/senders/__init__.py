"""What others find when they look at who asks them: SPF, keys, names and lists of an address, and our own way out."""
