// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Analyzers.Options;

/// <summary>The configuration keys, read for one syntax tree.</summary>
internal sealed class AnalyzerSettings
{
    private AnalyzerSettings(AnalyzerConfigOptions o)
    {
        ExceptionalExits = Text(o, "exceptional_exits", "explicit");
        AtomicAccessExempt = Text(o, "atomic_access_exempt", "none");
        NegativeContracts = Text(o, "negative_contracts", "false") == "true";
        PointeeCallsWrite = Text(o, "pointee_calls", "read") == "write";
        SleepInference = Text(o, "sleep_inference", "private");
        ImmediateInvokers = Set(o, "immediate_invokers", string.Empty);
        MaxCorrelations = Math.Max(0, Math.Min(8, Number(o, "max_correlations", 4)));
        ReportDiscards = Text(o, "mustcheck_discard", "allow") == "report";
        ErrorTests = new HashSet<string>(Set(o, "errptr_test_methods", "IS_ERR;IS_ERR_OR_NULL;IsError;IsErr"), StringComparer.Ordinal);
        ErrnoTypes = Set(o, "errno_types", "Errno;errno;Err");
        Zap = Set(o, "directmap_zap", "folio_zap_direct_map;set_direct_map_invalid_noflush");
        Restore = Set(o, "directmap_restore", "folio_restore_direct_map;set_direct_map_default_noflush");
        Flush = Set(o, "directmap_flush", "flush_tlb_kernel_range;flush_tlb_folio;flush_tlb_all");
        Access = Set(o, "directmap_access", "folio_address;kmap_local_folio;folio_zero_range;memcpy_from_folio;memcpy_to_folio");
        Alloc = Set(o, "directmap_alloc", "folio_alloc");
        Free = Set(o, "directmap_free", "folio_free");
        DirectMapNames = new HashSet<string>(Zap.Concat(Restore).Concat(Flush).Concat(Access).Concat(Alloc).Concat(Free), StringComparer.Ordinal);
        AnalyzeGenerated = Text(o, "generated_code", "skip") == "analyze";
        MaxBlockVisits = Number(o, "max_block_visits", 0);
    }

    internal string ExceptionalExits { get; }

    internal string AtomicAccessExempt { get; }

    internal bool NegativeContracts { get; }

    internal bool PointeeCallsWrite { get; }

    internal string SleepInference { get; }

    internal ImmutableHashSet<string> ImmediateInvokers { get; }

    internal int MaxCorrelations { get; }

    internal bool ReportDiscards { get; }

    internal HashSet<string> ErrorTests { get; }

    internal ImmutableHashSet<string> ErrnoTypes { get; }

    internal ImmutableHashSet<string> Zap { get; }

    internal ImmutableHashSet<string> Restore { get; }

    internal ImmutableHashSet<string> Flush { get; }

    internal ImmutableHashSet<string> Access { get; }

    internal ImmutableHashSet<string> Alloc { get; }

    internal ImmutableHashSet<string> Free { get; }

    /// <summary>Gets the names of all direct-map operations.</summary>
    internal HashSet<string> DirectMapNames { get; }

    internal bool AnalyzeGenerated { get; }

    /// <summary>Gets the budget per body; 0 stands for the default, which grows with the body.</summary>
    internal int MaxBlockVisits { get; }

    internal static AnalyzerSettings Read(AnalyzerConfigOptions options) => new(options);

    internal static string Text(AnalyzerConfigOptions o, string key, string fallback)
        => o.TryGetValue("kvmsharp." + key, out string? v) && v.Trim().Length > 0 ? v.Trim().ToLowerInvariant() : fallback;

    private static int Number(AnalyzerConfigOptions o, string key, int fallback)
        => o.TryGetValue("kvmsharp." + key, out string? v) && int.TryParse(v.Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out int n) ? n : fallback;

    private static ImmutableHashSet<string> Set(AnalyzerConfigOptions o, string key, string fallback)
    {
        string text = o.TryGetValue("kvmsharp." + key, out string? v) && v.Trim().Length > 0 ? v : fallback;
        var b = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        foreach (string s in text.Split(';', ','))
        {
            if (s.Trim().Length > 0)
                b.Add(s.Trim());
        }

        return b.ToImmutable();
    }
}
