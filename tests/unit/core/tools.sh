#!/bin/sh
# What tools from outside see of a program on fibers. Arguments: the smoke program.
program=$1
count=0

claim() { # status, text
    count=$((count + 1))
    if [ "$1" = 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - # SKIP $1"
}

show() {
    printf '%s\n' "$1" | sed 's/^/# /'
}

# The backend is chosen for the tool, unless the environment names one.
unset WEFT_BACKEND

if command -v valgrind >/dev/null; then
    said=$(timeout 100 valgrind --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$program" 2>&1)
    status=$?
    case $said in
    *'unhandled dwarf2'*)
        skip "this valgrind cannot read the compiler's debugging information"
        ;;
    *)
        claim $status "valgrind finds nothing to complain of"
        [ $status = 0 ] || show "$said"
        ;;
    esac
else
    skip "valgrind is not installed"
fi

if command -v gdb >/dev/null; then
    said=$(timeout 60 gdb -batch -nx -iex 'set debuginfod enabled off' \
        -ex 'set breakpoint pending on' -ex 'handle SIGALRM nostop' -ex 'break smoke_here' \
        -ex run -ex backtrace "$program" 2>&1)
    printf '%s\n' "$said" | grep -q 'talking'
    claim $? "a debugger's backtrace shows the fiber's function"
    printf '%s\n' "$said" | grep '^#' | tail -n 1 | grep -q 'weft.*context_entry'
    claim $? "and ends at the fiber's entry"
    printf '%s\n' "$said" | grep -qi 'corrupt\|previous frame'
    [ $? = 1 ]
    claim $? "without a doubt about the stack"
else
    skip "gdb is not installed"
fi

echo "1..$count"
