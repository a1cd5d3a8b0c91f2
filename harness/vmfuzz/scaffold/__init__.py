"""What a repository needs to fuzz every night: files, and where they may be written."""
