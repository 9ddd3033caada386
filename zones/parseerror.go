package zones

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/xrash/smetrics"
)

// parseErrorForm takes apart the text of a dns.ParseError, whose fields are private: what, token, line, column.
var parseErrorForm = regexp.MustCompile(`(?s)^dns: (.*): (".*") at line: (\d+):(\d+)$`)

// parseError reports what miekg's parser said of an entry, in our words and at the place in the file.
func (p *parser) parseError(e *entry, err error) {
	if err == nil { // the entry ended before anything could be wrong with it
		p.complain(e.line, 0, "the entry holds no record")
		return
	}
	m := parseErrorForm.FindStringSubmatch(err.Error())
	if m == nil {
		p.complain(e.line, 0, "%s", plainError(err))
		return
	}
	token, _ := strconv.Unquote(m[2])
	line, _ := strconv.Atoi(m[3])
	end, _ := strconv.Atoi(m[4])
	col := 0
	if token = strings.TrimSpace(token); token != "" {
		// The parser's column is about the token's end.
		text := e.lineText(line)
		text = text[:min(end+1, len(text))]
		col = bytes.LastIndex(text, []byte(token)) + 1
	}
	p.complain(e.line+line-1, col, "%s", explainParseError(e, m[1], token))
}

// explainParseError rewords a message of miekg's parser for those who don't know that parser.
func explainParseError(e *entry, what, token string) string {
	addr, addrErr := netip.ParseAddr(token)
	switch {
	case what == "bad A A" && addrErr == nil && addr.Is6():
		return fmt.Sprintf("A takes an IPv4 address; %s is an IPv6 address, whose type is AAAA", token)
	case what == "bad AAAA AAAA" && addrErr == nil && addr.Is4():
		return fmt.Sprintf("AAAA takes an IPv6 address; %s is an IPv4 address, whose type is A", token)
	case what == "bad A A":
		return fmt.Sprintf("%s is not an IPv4 address", quote(token))
	case what == "bad AAAA AAAA":
		return fmt.Sprintf("%s is not an IPv6 address", quote(token))
	case what == "bad owner name":
		if _, err := AppendWireName(nil, token); err != nil {
			return fmt.Sprintf("%s is not a name: %v", quote(token), err)
		}
		return fmt.Sprintf("%s is not a name: with its origin it is longer than %d octets", quote(token), maxName)
	case strings.HasPrefix(what, "expecting $TTL"):
		return fmt.Sprintf("$TTL takes a number of seconds or a time such as 1h30m, not %s", quote(token))
	case strings.HasPrefix(what, "no blank after $"):
		return fmt.Sprintf("%s is without its value", strings.ToUpper(firstField(e.text)))
	case len(bytes.Fields(e.text)) == 1:
		return fmt.Sprintf("%s stands alone: a record needs a type and data", quote(firstField(e.text)))
	case token == "":
		return "the entry ends before its record is complete"
	case what == "garbage after rdata":
		return fmt.Sprintf("unexpected %s behind the end of the record", quote(token))
	case what == "not a TTL", what == "unknown RR type", strings.HasPrefix(what, "expecting RR type"):
		return fmt.Sprintf("unknown record type %s%s", quote(token), didYouMean(strings.ToUpper(token), typeNames()))
	case strings.HasPrefix(what, "bad "):
		// "bad MX Mx": type and field.
		if rtype, field, ok := strings.Cut(what[len("bad "):], " "); ok && dns.StringToType[rtype] != 0 {
			return fmt.Sprintf("%s record: %s is not valid as %s", rtype, quote(token), strings.ToLower(field))
		}
	}
	return fmt.Sprintf("%s: %s", what, quote(token))
}

// quote quotes a word of the file for a message, and shortens what is no word.
func quote(word string) string {
	const most = 80
	if len(word) > most {
		word = word[:most-3] + "..."
	}
	return strconv.Quote(word)
}

// plainError returns an error's text without the package name that miekg puts before it.
func plainError(err error) string { return strings.TrimPrefix(err.Error(), "dns: ") }

// typeNames returns the mnemonics of all types that a zone file can hold.
var typeNames = sync.OnceValue(func() []string {
	var names []string
	for name, t := range dns.StringToType {
		if t != dns.TypeNone && t != dns.TypeOPT && t != dns.TypeReserved && (t < 128 || t > 255) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
})

// didYouMean returns ` (did you mean "WORD"?)` with the word nearest to the one given, or "" when none is near.
func didYouMean(word string, words []string) string {
	best, nearest := 3, "" // three edits are another word
	if len(word) > 32 {    // no word of ours, and the distance takes time
		return ""
	}
	for _, w := range words {
		if d := smetrics.WagnerFischer(word, w, 1, 1, 1); d < best && d < len(w) {
			best, nearest = d, w
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", nearest)
}
