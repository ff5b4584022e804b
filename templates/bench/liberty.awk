# A Liberty file without what mapping to gates does not read: power and noise, and of the tables of an arc, one per state of
# the other inputs, all but the first. Yosys and ABC read the library once per module, and most of a library is this.
#
#   awk -f liberty.awk cells.lib
#
# Areas and functions stay as they are. Timing analysis wants the whole file.

function braces(text,    opened) {
    opened = gsub(/\{/, "", text)
    return opened - gsub(/\}/, "", text)
}

# Inside a group that is left out.
depth > 0 { depth += braces($0); next }

# Inside an arc's table: printed if it is the first from its pin.
arc != "" {
    arc = arc $0 "\n"
    if ($0 ~ /related_pin|timing_type/) key = key $0
    arc_depth += braces($0)
    if (arc_depth == 0) {
        if (!(key in seen)) printf "%s", arc
        seen[key] = 1
        arc = ""
    }
    next
}

/^[ \t]*(internal_power|leakage_power|leakage_current|gate_leakage|power_lut_template|electromigration|dynamic_current|intrinsic_parasitic|receiver_capacitance[a-z0-9_]*|output_current_[a-z_]*|ccsn_[a-z_]*)[ \t]*\(.*\{/ {
    depth = braces($0)
    next
}
/^[ \t]*pin[ \t]*\(/ { split("", seen) }
/^[ \t]*timing[ \t]*\(.*\{/ {
    arc = $0 "\n"
    arc_depth = braces($0)
    key = ""
    next
}
{ print }
