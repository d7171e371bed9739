package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"
)

//go:embed results.md.tmpl
var resultsTemplate string

// report is the outcome of a benchmark.
type report struct {
	plan              *plan
	machine, programs string
	sections          []section
}

func verdictHead() []string {
	return []string{"work", "figure", "median (lowest–highest)", "bar", ""}
}

// plain returns a section as text for a terminal.
func (s section) plain() string {
	text := "\n" + s.row.title + ", medians\n\n" + plain(s.medians())
	if ratios := s.ratios(); ratios != nil {
		text += "\nof the same round: median (lowest–highest)\n\n" + plain(ratios)
	}
	if verdicts := s.verdicts(); verdicts != nil {
		text += "\n" + plain(verdicts)
	}
	return text + "\n"
}

// publish writes the results file.
func (r *report) publish() error {
	if r.plan.output == "" {
		return nil
	}
	type part struct{ Title, How, Ratios, Medians string }
	verdicts := [][]string{verdictHead()}
	var parts []part
	for _, section := range r.sections {
		verdicts = append(verdicts, section.verdicts()...)
		parts = append(parts, part{
			Title: section.row.title, How: section.row.how, Ratios: markdown(section.ratios(), 2), Medians: markdown(section.medians(), 2),
		})
	}
	parsed, err := template.New("results").Parse(resultsTemplate)
	if err != nil {
		return err
	}
	var text strings.Builder
	err = parsed.Execute(&text, map[string]any{
		"Date": time.Now().UTC().Format(time.DateOnly), "Verdicts": markdown(verdicts, 2), "Parts": parts,
		"Rounds": r.plan.rounds, "Seconds": r.plan.seconds, "Threads": r.plan.threads, "LoadThreads": loadThreads,
		"BodySize": bodySize, "ServerCount": serverCount, "Machine": r.machine, "Programs": r.programs,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.plan.output, []byte(text.String()), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Printf("Written to %s\n", r.plan.output)
	return nil
}
