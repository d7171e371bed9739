package provider

import (
	"fmt"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

type defaultIs bool

const (
	withDefault    defaultIs = true
	withoutDefault defaultIs = false
)

// servedProtocol is what whoever reads of other protocols has to know before they choose one.
const servedProtocol = "lbserver serves `http` alone so far, and refuses the others at apply."

// describeRange ends a description with a number's range, unit, default and the meaning of its zero.
func describeRange(what string, allowed lbapi.Range, is defaultIs) string {
	text := fmt.Sprintf("%s, %s", what, allowed)
	if is == withDefault {
		text += fmt.Sprintf("; default `%d`", allowed.Default)
	}
	if allowed.Zero != "" {
		text += fmt.Sprintf(". `0` means: %s", allowed.Zero)
	}
	return text + "."
}

// describeWords ends a description with the words to choose from; without a default if that is empty.
func describeWords(what string, words []string, standard string) string {
	text := fmt.Sprintf("%s: %s", what, codes(words))
	if standard != "" {
		text += fmt.Sprintf("; default `%s`", standard)
	}
	return text + "."
}

// describeRules says what a feature depends on, from the table of rules.
func describeRules(feature string, rules []lbapi.Dependency) string {
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
		part := fmt.Sprintf("`%s` %s", rule.On.Attribute, codes(words))
		if !said[part] {
			parts = append(parts, part)
		}
		said[part] = true
	}
	return "Only with " + strings.Join(parts, " and ") + "."
}

func codes(words []string) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = "`" + word + "`"
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " or " + texts[len(texts)-1]
}
