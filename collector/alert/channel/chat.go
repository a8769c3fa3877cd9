package channel

import (
	"context"
	"fmt"

	"picket/collector/alert"
)

func (w Slack) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	return d.chat(ctx, w.URL, slack, l)
}

func (w Teams) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	return d.chat(ctx, w.URL, teams, l)
}

// chat posts a letter as render writes it to a URL that is a secret.
func (d *Deliverer) chat(ctx context.Context, at Secret, render func(alert.Message) ([]byte, error), l alert.Letter) error {
	m, err := read(l)
	if err != nil {
		return err
	}
	body, err := render(m)
	if err != nil {
		return err
	}
	to, err := at()
	if err != nil {
		return fmt.Errorf("read the route's URL: %w", err)
	}
	if s := string(to); len(origin(s)) < len("https://x") || len(s) > 4096 {
		return refused("what stands in the place of the route's URL is none: it must begin with https://")
	}
	return d.poster.post(ctx, string(to), body, nil)
}
