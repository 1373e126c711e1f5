# bash completion for pfetch; generated from src/options_table.c: see CONTRIBUTING.md
# shellcheck shell=bash

_pfetch()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    # --name=value comes as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $prev in
    --input | -i)
        compopt -o default
        return
        ;;
    --path)
        :
        return
        ;;
    --shard)
        :
        return
        ;;
    --format | -f)
        mapfile -t COMPREPLY < <(compgen -W "text json body none" -- "$cur")
        return
        ;;
    --output | -o)
        compopt -o default
        return
        ;;
    --output-dir | -d)
        compopt -o dirnames
        return
        ;;
    --order)
        mapfile -t COMPREPLY < <(compgen -W "input completion" -- "$cur")
        return
        ;;
    --hash)
        mapfile -t COMPREPLY < <(compgen -W "sha256" -- "$cur")
        return
        ;;
    --warc)
        compopt -o default
        return
        ;;
    --warc-max-size)
        :
        return
        ;;
    --joblog)
        compopt -o default
        return
        ;;
    --workers | -w)
        :
        return
        ;;
    --max-tasks-per-worker)
        :
        return
        ;;
    --mode | -m)
        mapfile -t COMPREPLY < <(compgen -W "process thread serial" -- "$cur")
        return
        ;;
    --dispatch)
        mapfile -t COMPREPLY < <(compgen -W "round-robin affinity" -- "$cur")
        return
        ;;
    --sandbox)
        mapfile -t COMPREPLY < <(compgen -W "auto require off" -- "$cur")
        return
        ;;
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$cur")
        return
        ;;
    --compare-rounds)
        :
        return
        ;;
    --plot)
        compopt -o default
        return
        ;;
    --retry)
        :
        return
        ;;
    --retry-delay)
        :
        return
        ;;
    --rate)
        :
        return
        ;;
    --per-host)
        :
        return
        ;;
    --per-host-delay)
        :
        return
        ;;
    --halt)
        :
        return
        ;;
    --timeout | -t)
        :
        return
        ;;
    --connect-timeout)
        :
        return
        ;;
    --max-time)
        :
        return
        ;;
    --max-size)
        :
        return
        ;;
    --max-redirs)
        :
        return
        ;;
    --header | -H)
        :
        return
        ;;
    --user-agent | -A)
        :
        return
        ;;
    --dns-servers)
        :
        return
        ;;
    --proxy)
        :
        return
        ;;
    --deny)
        :
        return
        ;;
    --allow)
        :
        return
        ;;
    --resolve)
        :
        return
        ;;
    --connect-to)
        :
        return
        ;;
    --cacert)
        compopt -o default
        return
        ;;
    --capath)
        compopt -o dirnames
        return
        ;;
    --cert)
        compopt -o default
        return
        ;;
    --key)
        compopt -o default
        return
        ;;
    --tls-min)
        mapfile -t COMPREPLY < <(compgen -W "1.2 1.3" -- "$cur")
        return
        ;;
    --config)
        compopt -o default
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--input --path --shard --dry-run --format --output --output-dir --order --hash --warc --warc-max-size --progress --no-progress --quiet --verbose --joblog --sync --resume --resume-failed --workers --max-tasks-per-worker --mode --dispatch --sandbox --user --compare --compare-rounds --plot --retry --retry-delay --rate --per-host --per-host-delay --exit-zero --halt --timeout --connect-timeout --max-time --max-size --location --max-redirs --allow-downgrade --fail --header --user-agent --compressed --no-keepalive --ipv4 --ipv6 --dns-servers --proxy --deny --allow --resolve --connect-to --cacert --capath --cert --key --insecure --tls-min --config --help --version" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
    fi
}

complete -F _pfetch pfetch
