"""The command line: the only part of chatterm that prints, and the place where its parts are joined."""
