# A lower bound of the clock, from the synthesized netlist: no wires, gates without load (nothing is buffered or sized yet), and
# memories left out, so that their own delays are not seen. Run by `make synth LIBERTY=FILE` where OpenSTA is installed; CELLS
# and NETLIST come from the Makefile.
read_liberty $::env(CELLS)
read_verilog $::env(NETLIST)
link_design naas_top
set NAAS_PERIOD 1000.0
source naas.sdc
# Delays between registers are what the clock is about; the ports' shares of the period belong to whoever connects them.
set paths [find_timing_paths -from [all_registers -clock_pins] -to [all_registers -data_pins] -path_delay max]
foreach path $paths {
  puts [format "shortest period between registers: %.3f library time units" [expr $NAAS_PERIOD - [get_property $path slack]]]
}
report_checks -from [all_registers -clock_pins] -to [all_registers -data_pins] -path_delay max -fields {fanout}
