// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>The tracepoints that this kernel is built with; snake_case ones mean what Linux' of the same name do.</summary>
internal sealed class Tracepoints
{
    internal readonly tracepoint kvm_entry;
    internal readonly tracepoint kvm_exit;
    internal readonly tracepoint kvm_page_fault;
    internal readonly tracepoint kvm_unmap_hva_range;

    /// <summary>Guest frames leave a VM's tables because their memory goes away or changes.</summary>
    internal readonly tracepoint GuestUnmap;

    /// <summary>A folio is taken out of the direct map; recorded when it is done, with the result.</summary>
    internal readonly tracepoint FolioZap;

    internal readonly tracepoint FolioRestore;

    /// <summary>A leaf of the direct map becomes a table of smaller ones; level 2 is 2 MiB, level 3 is 1 GiB.</summary>
    internal readonly tracepoint DirectMapSplit;

    /// <summary>Translations of kernel addresses are dropped on every CPU; end of all ones means everything.</summary>
    internal readonly tracepoint KernelTlbFlush;

    internal Tracepoints(TraceState state)
    {
        this.kvm_entry = state.Define("kvm_entry", "vcpu_id");
        this.kvm_exit = state.Define("kvm_exit", "vcpu_id", "exit_reason");
        this.kvm_page_fault = state.Define("kvm_page_fault", "vcpu_id", "fault_address", "error_code");
        this.kvm_unmap_hva_range = state.Define("kvm_unmap_hva_range", "start", "end");
        this.GuestUnmap = state.Define("guest_unmap", "start_gfn", "end_gfn");
        this.FolioZap = state.Define("folio_zap_direct_map", "pfn", "pages", "ret");
        this.FolioRestore = state.Define("folio_restore_direct_map", "pfn", "pages");
        this.DirectMapSplit = state.Define("direct_map_split", "pfn", "level");
        this.KernelTlbFlush = state.Define("kernel_tlb_flush", "start", "end");
    }
}

internal sealed partial class Kernel
{
    /// <summary>The places that can record; each costs a branch while it is off.</summary>
    internal Tracepoints Tracepoints { get; }
}
