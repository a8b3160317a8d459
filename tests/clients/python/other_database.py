"""Writes the SQLite file that the client tests serve beside the sample data, with the standard library alone.

Usage: other_database.py FILE
"""

import sqlite3
import sys

SCRIPT = """
create table region (r_regionkey integer primary key, r_name text not null, r_comment text);
insert into region values (0, 'ELSEWHERE', 'not a continent of TPC-H');
create table only_here (id integer primary key, note text);
insert into only_here values (1, 'first note'), (2, 'second note'), (3, null);
"""

if __name__ == "__main__":
    database = sqlite3.connect(sys.argv[1])
    database.executescript(SCRIPT)
    database.close()
