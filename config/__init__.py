"""What the environment says, as frozen settings. No behaviour in here."""
