# shellcheck shell=bash
# Shared by the scripts here (sourced, not run): the package lists, installing what is missing, and out-of-tree
# builds under build/. Needs bash; everything else is installed.

# What building and running takes (the certificates are whom a fetch trusts), and what testing takes beside it:
# Debian 12's names.
# shellcheck disable=SC2034 # used by those that source this
build_packages=(
    gcc libc6-dev make autoconf automake libtool pkg-config
    libssl-dev libc-ares-dev libidn2-dev zlib1g-dev libbrotli-dev libzstd-dev libseccomp-dev
    ca-certificates
)
# shellcheck disable=SC2034
test_packages=(
    check python3 openssl procps mandoc xz-utils
    clang clang-format clang-tidy libclang-rt-14-dev llvm
    valgrind cppcheck shellcheck abigail-tools g++
    bash-completion fish zsh parallel openssh-client python3-yaml
    curl apache2-bin stunnel4 gnutls-bin
    ccache
)
# Their packages start servers, which is nothing to do to somebody's own machine: there their tests are skipped.
[ -z "${CI-}" ] || test_packages+=(openssh-server nginx-light lighttpd lighttpd-mod-openssl lighttpd-mod-deflate
    haproxy hitch h2o caddy nodejs squid tinyproxy)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
builds=$root/build

# die MESSAGE: one line on standard error, and the end.
die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

# packages_missing PACKAGE...: prints those that are not installed, one a line.
packages_missing() {
    local have
    have=$(dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/^\([^: ]*\)[^ ]* installed$/\1/p')
    printf '%s\n' "$@" | sort -u | grep -vxF -- "$have" || true
}

# packages_need PACKAGE...: installs what is missing; without root, names it and ends. Where there is no dpkg,
# configure is left to say what it lacks.
packages_need() {
    local missing
    command -v dpkg-query >/dev/null || return 0
    missing=$(packages_missing "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || die "missing packages; as root: apt-get install $missing"
    echo "installing $missing" >&2
    # shellcheck disable=SC2086 # a list of names
    if ! apt_install $missing; then
        apt-get -q update >&2 </dev/null || true
        apt_install $missing || die "these packages could not be installed: $missing"
    fi
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" >&2 </dev/null
}

jobs_wanted() {
    nproc 2>/dev/null || echo 2
}

# build_prepare: what configure and the makefiles are made from, made before builds that run beside each other need it.
build_prepare() {
    (
        cd "$root" || exit 1
        [ ! -x configure ] || [ ! -f Makefile.in ] ||
            [ -n "$(find configure.ac Makefile.am src tests -newer Makefile.in \
                \( -name configure.ac -o -name Makefile.am -o -name '*.mk' \))" ] || exit 0
        autoreconf -fi >&2 </dev/null
    )
}

# build_configure NAME [CONFIGURE-ARGUMENT]...: makes build/NAME ready for make; quick when it is, done again when
# the arguments changed. Noise goes to standard error.
build_configure() {
    local dir=$builds/$1 wanted
    shift
    wanted=$(printf '%q ' "$@")
    mkdir -p "$dir"
    build_prepare || return 1
    if [ -f "$dir/Makefile" ] && [ "$(cat "$dir/configured-with" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    (cd "$dir" && "$root/configure" -q "$@") >&2 </dev/null || return 1
    printf '%s' "$wanted" >"$dir/configured-with"
}

# build_make NAME TARGET...: make in build/NAME, silent when there is nothing to do.
build_make() {
    local dir=$builds/$1
    shift
    make -C "$dir" -s --no-print-directory "-j$(jobs_wanted)" "$@" >&2 </dev/null
}
