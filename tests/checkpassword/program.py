"""A program with the interface of checkpassword, for users who exist nowhere else.

program.py MAILDIR [OWNER] program [argument]...

The password of all users is "secret", and the user name selects the result of the login.
"""

import os
import sys
import time


def main():
    maildir, *rest = sys.argv[1:]
    with os.fdopen(3, "rb") as request:
        user, password, stamp, end = request.read(513).split(b"\0")
    if end or not stamp.isdigit():
        sys.exit(2)
    if user == b"hanging":
        time.sleep(3600)
    if user == b"loud":
        print('login failed: address=192.0.2.1 method=LOGIN user="x"\n' * 10000, file=sys.stderr)
        sys.exit(1)
    if user == b"confused":
        sys.exit(111)
    if user == b"broken":
        sys.exit(17)
    if user == b"silent":
        sys.exit(0)
    if password != b"secret":
        sys.exit(1)
    if rest[0].isdigit():
        owner = int(rest.pop(0))
        os.setgroups([])
        os.setgid(owner)
        os.setuid(owner)
    os.environ.update(USER=user.decode(), HOME="/nonexistent", SHELL="/bin/sh")
    os.environ["userdb_mail"] = "maildir:" + maildir
    os.execvp(rest[0], rest)


main()
