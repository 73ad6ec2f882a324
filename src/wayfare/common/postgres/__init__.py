"""PostgreSQL with little between: statements in one trip, arrays, rows for COPY."""
