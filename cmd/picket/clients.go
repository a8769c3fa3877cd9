package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"picket/collector"
)

// warnClient warns of a viewer's client that has no agents: a typing error makes
// a viewer who sees nothing but what concerns everybody. It is no error, since
// the first agent may come later; undo says how to take it back.
func warnClient(ctx context.Context, w io.Writer, o *collector.Operator, client, undo string) {
	client = strings.TrimSpace(client)
	if client == "" {
		return
	}
	agents, err := o.Agents(ctx)
	if err != nil {
		fmt.Fprintf(w, "warning: whether there is a client %q is not known: %v\n", client, err)
		return
	}
	var known []string
	for _, a := range agents {
		known = append(known, a.Client)
	}
	slices.Sort(known)
	if text := unknownClient(client, slices.Compact(known)); text != "" {
		fmt.Fprintf(w, "warning: %s\n  to take it back: %s\n", text, undo)
	}
}

// unknownClient is what to say of a client that is not among the known ones,
// which are sorted; "" if it is.
func unknownClient(client string, known []string) string {
	if slices.Contains(known, client) {
		return ""
	}
	text := fmt.Sprintf("no agent has joined for a client %q yet; until one has, only what concerns everybody is shown", client)
	const most = 8
	switch i := slices.IndexFunc(known, func(k string) bool { return similar(client, k) }); {
	case i >= 0:
		return fmt.Sprintf("%s. Did you mean %q?", text, known[i])
	case len(known) > most:
		return fmt.Sprintf("%s. There are %d clients: picket agent list", text, len(known))
	case len(known) > 0:
		return fmt.Sprintf("%s. There %s: %s", text, plural(len(known), "is", "are"), strings.Join(known, ", "))
	}
	return text
}

// similar says whether two names are the same but for small and capital letters,
// and one place where letters are missing, swapped or others, two at most. Of
// short names only one letter.
func similar(a, b string) bool {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(x) > len(y) {
		x, y = y, x
	}
	front := 0
	for front < len(x) && x[front] == y[front] {
		front++
	}
	back := 0
	for back < len(x)-front && x[len(x)-1-back] == y[len(y)-1-back] {
		back++
	}
	wrong := len(y) - front - back
	return wrong <= 1 && len(y) > 1 || wrong == 2 && len(y) > 3
}
