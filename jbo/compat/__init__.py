"""Other libraries' names for what jbo does."""
