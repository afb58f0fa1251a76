"""The screens and boxes of the console."""
