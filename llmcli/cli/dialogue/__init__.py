"""What `chat` shows and reads: the screen, the line editor, the commands that begin with /."""
