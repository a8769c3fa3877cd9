package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// answered returns what a person answers, or the failure "interrupted" when ctx
// ends first; the terminal then is as it was before. The read itself cannot be
// ended: its goroutine goes with the process, which has nothing else to do then.
func answered[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type reply struct {
		v   T
		err error
	}
	fd := int(os.Stdin.Fd())
	before, noTerminal := term.GetState(fd)
	got := make(chan reply, 1)
	go func() {
		v, err := read()
		got <- reply{v, err}
	}()
	select {
	case r := <-got:
		return r.v, r.err
	case <-ctx.Done():
	}
	if noTerminal == nil {
		term.Restore(fd, before) // best effort: a password is not echoed, what follows should be
	}
	var none T
	return none, &failure{exitInterrupted, "interrupted, nothing was changed", nil, ""}
}

// agreed asks a yes-or-no question; anything but a yes is a no. The error is an
// interruption.
func agreed(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprint(out, question)
	return answered(ctx, func() (bool, error) {
		line, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
		line = strings.ToLower(strings.TrimSpace(line))
		return err == nil && (line == "y" || line == "yes"), nil
	})
}
