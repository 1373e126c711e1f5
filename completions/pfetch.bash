# bash completion for pfetch; generated from src/options_table.c: see CONTRIBUTING.md
# shellcheck shell=bash disable=SC2207

_pfetch()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    case $prev in
    --input | -i)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --path)
        COMPREPLY=()
        return
        ;;
    --shard)
        COMPREPLY=()
        return
        ;;
    --format | -f)
        COMPREPLY=($(compgen -W "text json body none" -- "$cur"))
        return
        ;;
    --output | -o)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --output-dir | -d)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --order)
        COMPREPLY=($(compgen -W "input completion" -- "$cur"))
        return
        ;;
    --hash)
        COMPREPLY=($(compgen -W "sha256" -- "$cur"))
        return
        ;;
    --warc)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --warc-max-size)
        COMPREPLY=()
        return
        ;;
    --joblog)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --workers | -w)
        COMPREPLY=()
        return
        ;;
    --max-tasks-per-worker)
        COMPREPLY=()
        return
        ;;
    --mode | -m)
        COMPREPLY=($(compgen -W "process thread serial" -- "$cur"))
        return
        ;;
    --dispatch)
        COMPREPLY=($(compgen -W "round-robin affinity" -- "$cur"))
        return
        ;;
    --sandbox)
        COMPREPLY=($(compgen -W "auto require off" -- "$cur"))
        return
        ;;
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$cur")
        return
        ;;
    --compare-rounds)
        COMPREPLY=()
        return
        ;;
    --plot)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --retry)
        COMPREPLY=()
        return
        ;;
    --retry-delay)
        COMPREPLY=()
        return
        ;;
    --rate)
        COMPREPLY=()
        return
        ;;
    --per-host)
        COMPREPLY=()
        return
        ;;
    --per-host-delay)
        COMPREPLY=()
        return
        ;;
    --halt)
        COMPREPLY=()
        return
        ;;
    --timeout | -t)
        COMPREPLY=()
        return
        ;;
    --connect-timeout)
        COMPREPLY=()
        return
        ;;
    --max-time)
        COMPREPLY=()
        return
        ;;
    --max-size)
        COMPREPLY=()
        return
        ;;
    --max-redirs)
        COMPREPLY=()
        return
        ;;
    --header | -H)
        COMPREPLY=()
        return
        ;;
    --user-agent | -A)
        COMPREPLY=()
        return
        ;;
    --dns-servers)
        COMPREPLY=()
        return
        ;;
    --proxy)
        COMPREPLY=()
        return
        ;;
    --deny)
        COMPREPLY=()
        return
        ;;
    --allow)
        COMPREPLY=()
        return
        ;;
    --resolve)
        COMPREPLY=()
        return
        ;;
    --connect-to)
        COMPREPLY=()
        return
        ;;
    --cacert)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --capath)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --cert)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --key)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --tls-min)
        COMPREPLY=($(compgen -W "1.2 1.3" -- "$cur"))
        return
        ;;
    --config)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "--input --path --shard --dry-run --format --output --output-dir --order --hash --warc --warc-max-size --progress --no-progress --quiet --verbose --joblog --sync --resume --resume-failed --workers --max-tasks-per-worker --mode --dispatch --sandbox --user --compare --compare-rounds --plot --retry --retry-delay --rate --per-host --per-host-delay --exit-zero --halt --timeout --connect-timeout --max-time --max-size --location --max-redirs --allow-downgrade --fail --header --user-agent --compressed --no-keepalive --ipv4 --ipv6 --dns-servers --proxy --deny --allow --resolve --connect-to --cacert --capath --cert --key --insecure --tls-min --config --help --version" -- "$cur"))
    fi
}

complete -F _pfetch pfetch
