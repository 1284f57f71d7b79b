"""The Textual app. The only package that imports Textual; it imports no torch."""
