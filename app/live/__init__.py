"""What the live page shows, gathered only while somebody watches."""
