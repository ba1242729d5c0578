"""How long the commands take and how much memory they need."""
