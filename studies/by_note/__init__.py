"""Where each method loses its notes: by velocity, and by how soon a key is struck again."""
