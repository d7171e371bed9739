package base

import (
	"fmt"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Mention says whether a description mentions the default.
type Mention bool

// The two ways to describe a number.
const (
	WithDefault    Mention = true
	WithoutDefault Mention = false
)

// ServedProtocol is what readers have to know before they choose another protocol.
const ServedProtocol = "lbserver serves `http` alone so far, and refuses the others at apply."

// DescribeRange ends a description with a number's range, unit, default and the meaning of its zero.
func DescribeRange(what string, allowed lbapi.Range, mention Mention) string {
	text := fmt.Sprintf("%s, %s", what, allowed)
	if mention == WithDefault {
		text += fmt.Sprintf("; default `%d`", allowed.Default)
	}
	if allowed.Zero != "" {
		text += fmt.Sprintf(". `0` means: %s", allowed.Zero)
	}
	return text + "."
}

// DescribeWords ends a description with the words to choose from, and with the default unless that is empty.
func DescribeWords(what string, words []string, defaultWord string) string {
	text := fmt.Sprintf("%s: %s", what, Codes(words))
	if defaultWord != "" {
		text += fmt.Sprintf("; default `%s`", defaultWord)
	}
	return text + "."
}

// DescribeRules says what a feature depends on, from the table of rules.
func DescribeRules(feature string, rules []lbapi.Dependency) string {
	said := map[string]bool{}
	var parts []string
	for _, rule := range rules {
		if rule.Feature.Attribute != feature {
			continue
		}
		words := make([]string, len(rule.Allowed))
		for i, wire := range rule.Allowed {
			words[i] = rule.Word(wire)
		}
		part := fmt.Sprintf("`%s` %s", rule.On.Attribute, Codes(words))
		if !said[part] {
			parts = append(parts, part)
		}
		said[part] = true
	}
	return "Only with " + strings.Join(parts, " and ") + "."
}

// Codes lists words in code style: "`a`, `b` or `c`".
func Codes(words []string) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = "`" + word + "`"
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " or " + texts[len(texts)-1]
}
