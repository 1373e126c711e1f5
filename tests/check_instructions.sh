#!/bin/sh
# No fetch has become dearer: instructions under callgrind, against what is on record (see scripts/instructions).
exec "${TOP_SRCDIR:-${srcdir:-.}}/scripts/instructions"
