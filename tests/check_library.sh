#!/bin/sh
# libpfetch as others see it: what it exports is what its map and its headers say, the manual has all of it, the
# headers stand alone in C and C++, the interface is that of tests/libpfetch.abi, and the examples do what they say.
# With --abi: prints what belongs into that file.
set -eu
top=${TOP_SRCDIR:-${srcdir:-.}}
cc=${CC:-cc}
map=$top/src/executor/libpfetch.map
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() {
    echo "$*" >&2
    status=1
}

# The interface: functions with their types, down to the members of the public structs.
abi() {
    abidw --headers-dir include/pfetch --no-corpus-path --no-comp-dir-path --no-show-locs --drop-private-types \
        --drop-undefined-syms .libs/libpfetch.so
}
if [ "${1-}" = --abi ]; then
    abi | sed "s#path='[^']*/src/#path='src/#" # wherever it was built
    exit
fi

sed -n 's/^[[:space:]]*\([a-z_]*_[a-z_]*\);$/\1/p' "$map" | sort >"$work/map"
nm -D --defined-only .libs/libpfetch.so | sed -n 's/.* T \([^@]*\)@@PFETCH.*/\1/p' | sort >"$work/exported"
nm -D --defined-only .libs/libpfetch.so | grep ' [TDBRVW] ' | grep -v '@@PFETCH_\|__asan\|__odr' >"$work/others" || :
cat "$top/src/executor/executor.h" "$top/src/executor/emitter.h" | grep -v '^typedef' |
    sed -n 's/^[a-z].*[ *]\(ex[a-z_]*\|em[a-z_]*\)(.*/\1/p' | sort >"$work/declared"
diff -u "$work/map" "$work/exported" >&2 || fail "the library exports something else than its map"
diff -u "$work/map" "$work/declared" >&2 || fail "the headers declare something else than the map"
[ ! -s "$work/others" ] || fail "exported without a version: $(cat "$work/others")"
while read -r name; do
    grep -q "^\.F[no] .*$name" "$top/man/pfetch.3" || fail "man/pfetch.3 does not have $name"
done <"$work/map"
sed -n 's/^    \(EXECUTOR_[A-Z]*\)[, ].*/\1/p' "$top/src/executor/executor.h" >"$work/types"
while read -r type; do
    grep -q "$type" "$top/man/pfetch.3" || fail "man/pfetch.3 does not have $type"
done <"$work/types"
[ "$(wc -l <"$work/types")" -ge 10 ] || fail "the event types were not found in the header"

# Without debugging symbols there is nothing to compare; a sanitizer adds symbols of its own.
if ! command -v abidiff >/dev/null; then
    echo 'no abidiff: the names of the functions are compared, their types are not'
elif [ "$(uname -m)" != x86_64 ] || ! readelf -S .libs/libpfetch.so | grep -q debug_info ||
    nm -D .libs/libpfetch.so | grep -q '__asan_\|__tsan_\|__ubsan_'; then
    echo 'not the build that tests/libpfetch.abi is of: the types of the functions are not compared'
else
    abi >"$work/abi"
    abidiff --no-show-locs "$top/tests/libpfetch.abi" "$work/abi" >&2 ||
        fail "the interface has changed; if that is meant: make abi, and a new set in the map for what is new"
fi

echo '#include <pfetch/executor.h>' >"$work/one.c"
echo 'int main(void) { return 0; }' >>"$work/one.c"
$cc -std=c11 -pedantic-errors -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/one.c" ||
    fail "the headers do not stand alone in C"
if command -v g++ >/dev/null; then
    cp "$work/one.c" "$work/one.cc"
    g++ -std=c++17 -Wall -Werror -Iinclude -fsyntax-only "$work/one.cc" || fail "the headers do not stand in C++"
fi

printf 'some text\n' >"$work/a"
: >"$work/empty"
head -c 300000 /dev/zero >"$work/zeros"
(cd "$work" && sha256sum a empty zeros | sort) >"$work/want"
hash_files=$(pwd)/examples/hash_files
(cd "$work" && "$hash_files" a empty zeros | sort) >"$work/got"
diff -u "$work/want" "$work/got" >&2 || fail "hash_files hashes otherwise than sha256sum"
if "$hash_files" "$work/missing" >"$work/got" 2>"$work/said"; then
    fail "hash_files says nothing of a missing file"
fi
grep -q 'No such file' "$work/said" || fail "hash_files does not say why"

printf '10\n100\n1000\n2' | examples/poll_loop | sort >"$work/got"
printf '%s\n' '0 primes below 2' '168 primes below 1000' '25 primes below 100' '4 primes below 10' |
    diff -u - "$work/got" >&2 || fail "poll_loop counts otherwise"
exit $status
