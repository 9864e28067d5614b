"""The `resight` command: one module for each subcommand."""
