"""Mining of training tuples from an index: each kind has a file, a parameter model, and a line in a table."""
