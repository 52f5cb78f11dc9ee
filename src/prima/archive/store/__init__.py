"""The files of an archive: layout, table schemas, durable writing, the lock."""
