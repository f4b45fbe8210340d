"""What people hold: the rules of quantities and symbols, and the store."""
