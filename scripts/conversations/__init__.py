"""An institution's own conversations, read into a private file for the build."""
