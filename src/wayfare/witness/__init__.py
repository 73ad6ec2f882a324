"""Vouching for the logs of others: a small witness (C2SP tlog-witness) with keys and a memory of its own."""
