package channel

import (
	"context"
	"time"
)

// The checks of payloads, and the moment of repetition, for the tests that use
// this room from outside as the collector does.

func SlackForm(body []byte) []string { return slackForm(body) }

func TeamsForm(body []byte) []string { return teamsForm(body) }

func PagerForm(body []byte) []string { return pagerForm(body) }

func AlertForm(body []byte) []string { return alertForm(body) }

func (d *Deliverer) Repeat(ctx context.Context, now time.Time) { d.repeat(ctx, now, map[string]bool{}) }
