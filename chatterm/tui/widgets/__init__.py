"""What the screens are made of. Each widget that shows foreign text sanitises it without markup."""
