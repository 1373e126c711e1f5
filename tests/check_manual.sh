#!/bin/sh
# The manual pages are mdoc that mandoc has nothing to say against, and no line of theirs is wider than a
# terminal's 80 columns. Skipped without mandoc.
set -eu
top=${TOP_SRCDIR:-${srcdir:-.}}
command -v mandoc >/dev/null || exit 77
status=0
for page in "$top"/man/*.[1-9]; do
    mandoc -Tlint -W warning "$page" >&2 || status=1
    if mandoc -Tascii -O width=78 "$page" | sed 's/.\x08//g' | grep -n '.\{81\}' >&2; then
        echo "$page: lines wider than 80 columns" >&2
        status=1
    fi
done
exit $status
