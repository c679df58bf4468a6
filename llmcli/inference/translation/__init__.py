"""What translating alone needs: languages, the layout of a text, directions."""
