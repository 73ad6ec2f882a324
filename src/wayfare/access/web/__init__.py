"""The pages of the access room beside those of signing in: who looked, what waits for a second person."""
