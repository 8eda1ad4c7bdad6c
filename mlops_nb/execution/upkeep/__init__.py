"""What keeps the stores in order: freeing space, finding and mending damage."""
