"""Networks that learn from photos without labels: mining of tuples, losses, the loop, and the folder it produces."""
