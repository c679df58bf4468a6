"""Options that several commands share, each declared once; a group arrives as one object."""
