package influxd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const maxAnswer = 64 << 20 // bytes of a query's answer

// Series is one table of an answer. Numbers are [json.Number], so integers stay
// exact; times are Unix milliseconds.
type Series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// Column returns the values of a column, nil if there is no such column.
func (s Series) Column(name string) []any {
	for i, c := range s.Columns {
		if c != name {
			continue
		}
		var all []any
		for _, row := range s.Values {
			all = append(all, row[i])
		}
		return all
	}
	return nil
}

// Query runs InfluxQL in the database [Database], as the administrator if
// there is one.
func (s *Server) Query(ctx context.Context, influxql string) ([]Series, error) {
	form := url.Values{"q": {influxql}, "db": {Database}, "epoch": {"ms"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("query influxd: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s.o.User != "" {
		req.SetBasicAuth(s.o.User, s.o.Password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("query influxd: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Series []Series `json:"series"`
			Error  string   `json:"error"`
		} `json:"results"`
	}
	d := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("query influxd: status %s: %w", resp.Status, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("query influxd: %w", errors.New(answer.Error))
	}
	var all []Series
	for _, r := range answer.Results {
		if r.Error != "" {
			return nil, fmt.Errorf("query influxd: %w", errors.New(r.Error))
		}
		all = append(all, r.Series...)
	}
	return all, nil
}

// CountPoints counts the points of a measurement that have its most frequent
// field; in Picket's measurements one field is in every point.
func (s *Server) CountPoints(ctx context.Context, measurement string) (int64, error) {
	series, err := s.Query(ctx, "SELECT count(*) FROM "+quoteIdent(measurement))
	if err != nil {
		return 0, err
	}
	var most int64
	for _, table := range series {
		for _, row := range table.Values {
			for i, v := range row {
				n, ok := v.(json.Number)
				if !ok || table.Columns[i] == "time" {
					continue
				}
				count, err := strconv.ParseInt(n.String(), 10, 64)
				if err != nil {
					return 0, fmt.Errorf("count points of %s: %w", measurement, err)
				}
				most = max(most, count)
			}
		}
	}
	return most, nil
}

func quoteIdent(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func quoteString(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + `'`
}
