#!/bin/sh
# `make install` puts everything in its place and `make uninstall` takes it away; and from what was installed
# alone, with what pkg-config says and no more, a program of somebody else's is built in C and in C++ and works.
set -eu
top=${TOP_SRCDIR:-${srcdir:-.}}
top=$(cd "$top" && pwd)
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() {
    echo "$*" >&2
    status=1
}

# The options of the make that runs this test are not those of this one.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES 2>/dev/null || :
tree=$work/tree
make -s install DESTDIR="$tree" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
x=$tree$(sed -n 's/^prefix=//p' libpfetch.pc)
for file in bin/pfetch include/pfetch/executor.h include/pfetch/emitter.h lib/libpfetch.so lib/libpfetch.so.0 \
    lib/pkgconfig/libpfetch.pc share/man/man1/pfetch.1 share/man/man3/pfetch.3 \
    share/bash-completion/completions/pfetch.bash share/zsh/site-functions/_pfetch \
    share/fish/vendor_completions.d/pfetch.fish share/doc/pfetch/examples/hash_files.c \
    share/doc/pfetch/examples/poll_loop.c share/doc/pfetch/examples/ssh-parallel.sh \
    share/doc/pfetch/examples/slurm-array.sh share/doc/pfetch/examples/kubernetes-job.yaml; do
    [ -s "$x/$file" ] || fail "not installed: $file"
done
for file in bin/pfetch share/doc/pfetch/examples/ssh-parallel.sh share/doc/pfetch/examples/slurm-array.sh; do
    [ -x "$x/$file" ] || fail "not executable: $file"
done
find "$x/include" -type f | grep -v '/include/pfetch/e[xm][a-z]*\.h$' && fail "headers that are not the library's"
"$x/bin/pfetch" --version >"$work/version" || fail "the installed program does not run"
! grep -q "$top" "$x/lib/pkgconfig/libpfetch.pc" || fail "libpfetch.pc names the source folder"

# An outside program. What was built with a sanitizer needs its runtime first: not this test's matter.
if nm -D "$x/lib/libpfetch.so" | grep -q '__asan_\|__tsan_\|__ubsan_'; then
    echo 'built with a sanitizer: no outside program'
elif ! command -v pkg-config >/dev/null; then
    echo 'no pkg-config: no outside program'
else
    export PKG_CONFIG_PATH="$x/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$tree" LD_LIBRARY_PATH="$x/lib"
    flags=$(pkg-config --cflags --libs libpfetch) || fail "pkg-config does not know libpfetch"
    [ "$(pkg-config --modversion libpfetch)" = "$(sed -n 's/^pfetch \([0-9.]*\).*/\1/p' "$work/version" | head -n 1)" ] ||
        fail "libpfetch.pc and pfetch have different versions"
    warn='-Wall -Wextra -Wshadow -Wconversion -pedantic -Werror'
    # outside NAME COMPILER...: the program, built and run.
    outside() {
        name=$1
        shift
        # shellcheck disable=SC2086 # words
        if ! "$@" $warn "$top/tests/outside/outside.c" -o "$work/$name" $flags; then
            fail "$name: an outside program does not compile"
        elif [ "$("$work/$name" 2>&1)" != 'as promised' ]; then
            fail "$name: $("$work/$name" 2>&1)"
        fi
    }
    outside c "$cc" -std=gnu11
    ! command -v clang >/dev/null || outside c-clang clang -std=gnu11
    if command -v g++ >/dev/null; then
        outside c++11 g++ -x c++ -std=gnu++11 -Wzero-as-null-pointer-constant
        outside c++20 g++ -x c++ -std=gnu++20
    fi
    # The examples, by the command that their first lines give.
    for example in hash_files poll_loop; do
        command=$(sed -n "s/^ \*     \(cc $example\.c .*\)/\1/p" "$top/examples/$example.c")
        (
            cd "$work" && cp "$x/share/doc/pfetch/examples/$example.c" . &&
                sh -ec "$command" &&
                ldd "$example" | grep -q "$x/lib/libpfetch.so.0"
        ) || fail "$example: '$command' does not build it"
    done
fi

make -s uninstall DESTDIR="$tree" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
left=$(find "$tree" ! -type d)
[ -z "$left" ] || fail "make uninstall leaves $left"
exit $status
