package demo

import (
	"context"
	"fmt"
	"time"
)

// countSoFar is count while the agents go on: what they had made at one moment
// must be with the collector soon after it.
func (s *story) countSoFar(ctx context.Context) error {
	made := s.made()
	end := time.Now().Add(10 * time.Second)
	for {
		if err := s.take(ctx); err != nil {
			return err
		}
		if s.report.Delivered >= made || time.Now().After(end) {
			break
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	s.report.Results = made
	s.say("%d results made by the agents so far, %d delivered, %d lost.", s.made(), s.report.Delivered, s.report.Lost)
	if made == 0 || s.report.Lost != 0 || s.report.Delivered < made {
		return notHeld("%d results made, %d delivered, %d lost", made, s.report.Delivered, s.report.Lost)
	}
	return nil
}

// made is how many results the agents have made up to now.
func (s *story) made() (n uint64) {
	for _, a := range s.stage.actors {
		n += a.agent.Made()
	}
	return n
}

// take reads what the collector has for good.
func (s *story) take(ctx context.Context) error {
	totals, err := s.stage.collector.Totals(ctx)
	if err != nil {
		return fmt.Errorf("count results: %w", err)
	}
	s.report.Delivered, s.report.Lost = totals.Results, 0
	for _, n := range totals.Lost {
		s.report.Lost += n
	}
	return nil
}

// count compares what the agents made, now that they have ended, with what the
// collector has for good.
func (s *story) count(ctx context.Context) error {
	s.report.Results = s.made()
	if err := s.take(ctx); err != nil {
		return err
	}
	s.say("%d results made by the agents, %d delivered, %d lost.", s.report.Results, s.report.Delivered, s.report.Lost)
	if s.stage.influx != nil {
		points, err := s.stage.influx.CountPoints(ctx, "probe")
		if err != nil {
			return fmt.Errorf("count points: %w", err)
		}
		n := uint64(points)
		s.report.Points = &n
		s.say("%d points in InfluxDB.", n)
		if n != s.report.Delivered {
			return notHeld("%d points in InfluxDB for %d results", points, s.report.Delivered)
		}
	}
	s.over = true
	if s.report.Results == 0 || s.report.Lost != 0 || s.report.Delivered != s.report.Results {
		return notHeld("%d results made, %d delivered, %d lost", s.report.Results, s.report.Delivered, s.report.Lost)
	}
	return nil
}
