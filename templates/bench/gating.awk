# How `make synth` maps registers that keep their value in some cycles: with a gated clock, as ASIC flows do, instead of a
# multiplexer before each bit. Prints a techmap file for the smallest clock gate of a Liberty file, one without modules if it has none.
#
#   awk -f gating.awk cells.lib
#   awk -v model=1 -f gating.awk cells.lib     # a model of that clock gate, for simulation
#
# The RTL says `if (enable) q <= d`. Words of fewer than three bits keep their multiplexers, which are smaller than a gate.

function remember() {
    if (kind && clock != "" && enable != "" && gated != "" && (best == "" || area < best_area)) {
        best = cell; best_area = area
        pins[1] = clock; pins[2] = enable; pins[3] = gated; pins[4] = test
        ports = "." clock "(CLK), ." enable "(enable), ." gated "(gated)" (test == "" ? "" : ", ." test "(1'b0)")
    }
    kind = 0
}
function name(line) { sub(/^[^(]*\([ \t"]*/, "", line); sub(/[ \t"]*\).*/, "", line); return line }

/^[ \t]*cell[ \t]*\(/ { remember(); cell = name($0); clock = enable = gated = test = ""; area = 0 }
/^[ \t]*area[ \t]*:/ { split($0, part, /[:;]/); area = part[2] + 0 }
# Latched while the clock is low; a test pin before the latch is tied off.
/clock_gating_integrated_cell[ \t]*:[ \t]*"?latch_posedge(_precontrol)?"?[ \t]*;/ { kind = 1 }
/^[ \t]*pin[ \t]*\(/ { pin = name($0) }
/clock_gate_clock_pin[ \t]*:[ \t]*"?true/ { clock = pin }
/clock_gate_enable_pin[ \t]*:[ \t]*"?true/ { enable = pin }
/clock_gate_out_pin[ \t]*:[ \t]*"?true/ { gated = pin }
/clock_gate_test_pin[ \t]*:[ \t]*"?true/ { test = pin }

function register(type, reset) {
    printf "(* techmap_celltype = \"$%se\" *)\nmodule naas_gated_%s (CLK, EN, D, Q%s);\n", type, type, reset ? ", ARST" : ""
    print "  parameter WIDTH = 1;\n  parameter CLK_POLARITY = 1;\n  parameter EN_POLARITY = 1;"
    if (reset) print "  parameter ARST_POLARITY = 1;\n  parameter [WIDTH-1:0] ARST_VALUE = 0;\n  input ARST;"
    print "  input CLK, EN;\n  input [WIDTH-1:0] D;\n  output [WIDTH-1:0] Q;"
    print "  wire _TECHMAP_FAIL_ = WIDTH < 3 || !CLK_POLARITY;"
    print "  wire enable = EN_POLARITY ? EN : ~EN;\n  wire gated;"
    printf "  %s gate (%s);\n", best, ports
    printf "  \\$%s #(.WIDTH(WIDTH), .CLK_POLARITY(1)%s) kept (.CLK(gated), .D(D), .Q(Q)%s);\nendmodule\n", type, \
        reset ? ", .ARST_POLARITY(ARST_POLARITY), .ARST_VALUE(ARST_VALUE)" : "", reset ? ", .ARST(ARST)" : ""
}
END {
    remember()
    if (model) {
        if (best == "") exit
        printf "module %s (input %s, input %s, output %s%s);\n", best, pins[1], pins[2], pins[3], \
            pins[4] == "" ? "" : ", input " pins[4]
        printf "  reg held;\n  always @* if (!%s) held = %s%s;\n", pins[1], pins[2], pins[4] == "" ? "" : " | " pins[4]
        printf "  assign %s = %s & held;\nendmodule\n", pins[3], pins[1]
        exit
    }
    print "// Clock gate: " (best == "" ? "none" : best)
    if (best != "") {
        register("dff", 0)
        register("adff", 1)
    }
}
