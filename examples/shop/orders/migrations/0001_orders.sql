CREATE TABLE stock (
    product_id INTEGER PRIMARY KEY,
    quantity   INTEGER NOT NULL CHECK (quantity >= 0)
) STRICT;

CREATE TABLE purchase (
    id           INTEGER PRIMARY KEY,
    product_id   INTEGER NOT NULL,
    product_name TEXT    NOT NULL,
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    total_cents  INTEGER NOT NULL
) STRICT;
