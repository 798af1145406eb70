// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using KvmSharp.Init;

namespace KvmSharp.Tools.Boot;

/// <summary>The direct map as a line of cells, each an equal part of it: what size its leaves are, and whether any are gone.</summary>
internal static class DirectMapDrawing
{
    /// <summary>Explains the cells.</summary>
    internal const string Legend = "█ 1G  ▓ 2M  ▒ 4K  ░ some pages absent  · all absent";

    private const int Cells = 64;

    /// <summary>Draws from outside, or from inside a process, by way of the kernel.</summary>
    internal static DirectMapReport Draw(Host host, UserProcess? process = null)
    {
        var leaves = new List<(ulong Address, int Level, bool Present)>();
        long absent = 0;
        Linux.DirectMapStatistics s = default;
        if (process is null)
            host.Kernel.RunTask(Look);
        else
            process.Syscall<Action>(Look, static look => { look(); return 0; });
        return new DirectMapReport(
            s.Pages4K, s.Pages2M, s.Pages1G, s.Level2Splits, s.Level3Splits, s.Level2Collapses, s.Level3Collapses, absent, Line(leaves));

        void Look()
        {
            Linux.Arch arch = host.Kernel.arch;
            arch.WalkDirectMap(host.Kernel, (address, level, present, _) =>
            {
                leaves.Add((address, level, present));
                if (!present && level == 1)
                    absent++;
            });
            s = arch.DirectMap(host.Kernel);
        }
    }

    private static string Line(List<(ulong Address, int Level, bool Present)> leaves)
    {
        if (leaves.Count == 0)
            return string.Empty;
        ulong start = leaves[0].Address;
        ulong end = leaves[^1].Address + Size(leaves[^1].Level);
        ulong cell = Math.Max((end - start + Cells - 1) / Cells, 1);
        var kinds = new Cell[Cells];
        foreach ((ulong address, int level, bool present) in leaves)
        {
            int first = (int)((address - start) / cell);
            int last = (int)Math.Min((address + Size(level) - 1 - start) / cell, Cells - 1);
            for (int i = first; i <= last; i++)
                kinds[i].Add(level, present);
        }

        var text = new StringBuilder(Cells);
        foreach (Cell kind in kinds)
            text.Append(kind.Symbol);
        return text.ToString();
    }

    private static ulong Size(int level) => 1UL << (12 + (9 * (level - 1)));

    private struct Cell
    {
        private int _smallest;
        private bool _anyPresent;
        private bool _anyAbsent;

        internal readonly char Symbol => (_anyPresent, _anyAbsent) switch
        {
            (false, false) => ' ',
            (false, true) => '·',
            (true, true) => '░',
            _ => _smallest switch { 1 => '▒', 2 => '▓', _ => '█' },
        };

        internal void Add(int level, bool present)
        {
            _smallest = _smallest == 0 ? level : Math.Min(_smallest, level);
            _anyPresent |= present;
            _anyAbsent |= !present;
        }
    }
}
