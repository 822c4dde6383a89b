"""Password hashes that people bring along from another system: recognised, bounded in cost, and verified.

`recognise` reads a string as it stands in the old table, `read_stored` one that we stored. A fast hash comes back as a
`FastHash`, to be wrapped by Argon2id before it is stored. Everything here blocks, so it runs in the hasher's threads.
"""
