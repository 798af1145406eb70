// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using System.Net.Sockets;

namespace KvmSharp.Conformance;

/// <summary>An agent process, the socket at which it and its children report, and the watchdog over all of them.</summary>
internal sealed class HostAgent : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>A child forked meanwhile for another agent would hold the image open for writing, and it could not be executed.</summary>
    private static readonly Lock starting = new();

    private readonly Socket _listener;
    private readonly Process _process;
    private readonly List<int> _children = [];
    private readonly string _name;

    private HostAgent(Socket listener, Process process, string name)
    {
        _listener = listener;
        _process = process;
        _name = name;
        Root = Accept();
    }

    /// <summary>Gets the connection to the first process.</summary>
    internal AgentConnection Root { get; }

    /// <summary>Gets the name that a new image needs to report.</summary>
    internal string SocketName => _name;

    /// <exception cref="HostException">The agent could not be started.</exception>
    internal static HostAgent Start()
    {
        if (!OperatingSystem.IsLinux())
            throw new HostException("the host's own kernel is not Linux");
        string name = $"kvmsharp-{Environment.ProcessId}-{Guid.NewGuid():N}";
        string file = Path.Combine(Path.GetTempPath(), name);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Process? process = null;
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint("\0" + name));
            listener.Listen(8);
            lock (starting)
            {
                File.WriteAllBytes(file, AgentImage.Build());
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
                process = Process.Start(new ProcessStartInfo(file, [name]) { UseShellExecute = false, WorkingDirectory = "/" });
            }

            return new HostAgent(listener, process!, name);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception or AgentGoneException)
        {
            process?.Kill();
            process?.Dispose();
            listener.Dispose();
            throw new HostException($"the agent cannot be started: {e.Message}", e);
        }
        finally
        {
            // The running image needs no name; an exec probe goes by /proc/self/exe.
            File.Delete(file);
        }
    }

    /// <summary>The next process that reports: a forked child, or a child's new image.</summary>
    internal AgentConnection Accept()
    {
        if (!_listener.Poll(Patience, SelectMode.SelectRead))
            throw new HostException($"no agent reported in {Patience.TotalSeconds} s");
        var connection = new AgentConnection(_listener.Accept(), Patience);
        if (Root is not null)
            _children.Add(connection.Pid);
        return connection;
    }

    internal void Ended(int pid) => _children.RemoveAll(p => p == pid);

    /// <summary>Ends every process that is left, also one that hangs.</summary>
    public void Dispose()
    {
        foreach (int pid in _children)
            Kill(pid);
        Root.Dispose();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(1)))
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _listener.Dispose();
    }

    private static void Kill(int pid)
    {
        try
        {
            using var child = Process.GetProcessById(pid);
            child.Kill();
        }
        catch (ArgumentException)
        {
            // Gone already.
        }
    }
}
