# Area by block, from a hierarchical netlist's `stat -liberty` (Yosys): every module's own cells, times how often the design
# holds it. What there is one of is the modules `naas_top_BLOCK`. Memories are black boxes and count nothing; what they have to
# be stands below, their shapes from the netlist.
#
#   awk -f area.awk -v pes=256 netlist.v stat.txt

# A block is what a hardware engineer would call one: the first pattern that a module's name has decides.
function block(name) {
    if (name ~ /naas_(pe|tree|psum_buf|w_buf|i_buf)/) return "PE array"
    if (name ~ /naas_(top_NETWORKS|lanes|i_window|i_deal)/) return "networks"
    if (name ~ /naas_output_unit/) return "output units"
    if (name ~ /naas_(level2|mem)/) return "memory shells"
    if (name ~ /naas_top_CONTROL/ || name == "naas_top") return "controller"
    return "engines"
}

# Adds `times` copies of a module and of all that it holds.
function visit(name, times,    part, i, n, parts) {
    if (!(name in area)) return
    if (name in words) memories[holder[name] SUBSEP name] += times
    total[block(name)] += area[name] * times
    own[name] += area[name] * times
    copies[name] += times
    n = split(members[name], parts, "\n")
    for (i = 1; i < n; i++) {
        split(parts[i], part, " ")
        holder[part[1]] = short(name)
        visit(part[1], times * part[2])
    }
}

# A module's name without its parameters.
function short(name) {
    sub(/\\/, "", name)
    gsub(/\$paramod(\$[0-9a-f]+)?\\?/, "", name)
    return name
}

# The netlist: what a memory's macro is given.
FNR == NR {
    if ($1 == "module") { module = $2; sub(/^\\/, "", module) }
    if (/naas_mem_macro #/) macro = module
    if (macro != "" && /\.(DEPTH|WIDTH|LANE)\(/) {
        value = $0; sub(/.*sd/, "", value); value += 0
        if (/DEPTH/) words[macro] = value
        if (/WIDTH/) width[macro] = value
        if (/LANE/) lane[macro] = value
    }
    if (/\) u_macro/) macro = ""
    next
}

/^=== / { module = $2; sub(/^\\/, "", module); area[module] = 0 }
/^=== design hierarchy/ { exit }
/Chip area for module/ { area[module] = $NF }
# A cell's line: its type and how many; types that are modules themselves are followed.
NF == 2 && $2 ~ /^[0-9]+$/ { members[module] = members[module] $1 " " $2 "\n" }

END {
    visit("naas_top", 1)
    for (name in total) sum += total[name]
    printf "%-14s %14s %8s\n", "block", "um2", "share"
    n = split("PE array;networks;engines;controller;output units;memory shells", order, ";")
    for (i = 1; i <= n; i++) printf "%-14s %14.1f %6.1f %%\n", order[i], total[order[i]], 100 * total[order[i]] / sum
    printf "%-14s %14.1f\n", "in all", sum
    printf "per MAC        %14.1f (PE array alone %.1f)\n", sum / pes, total["PE array"] / pes
    printf "networks, engines and controller: %.1f %%\n", 100 * (total["networks"] + total["engines"] + total["controller"]) / sum
    printf "\nlargest modules, own cells only\n"
    for (k = 0; k < 14; k++) {
        best = ""
        for (name in own) if (best == "" || own[name] > own[best]) best = name
        if (best == "") break
        printf "  %-30s %5d x %12.1f = %14.1f\n", substr(short(best), 1, 30), copies[best], own[best] / copies[best], own[best]
        delete own[best]
    }
    printf "\nmemories: one write and one read port each\n  %-18s %6s %8s %6s %20s %10s\n", "of", "", "words", "bits", "bits a write enable", "bytes"
    while (1) {
        best = ""; most = -1
        for (pair in memories) {
            split(pair, of, SUBSEP)
            bytes = memories[pair] * words[of[2]] * width[of[2]] / 8
            if (bytes > most || (bytes == most && pair < best)) { best = pair; most = bytes }
        }
        if (best == "") break
        split(best, of, SUBSEP)
        sub(/\\.*/, "", of[1])
        printf "  %-18s %6d x %6d %6d %20d %10d\n", of[1], memories[best], words[of[2]], width[of[2]], lane[of[2]], most
        stored += most
        delete memories[best]
    }
    printf "  %-18s %61d\n", "in all", stored
}
