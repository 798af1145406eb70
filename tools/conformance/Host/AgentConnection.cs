// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Net.Sockets;

namespace KvmSharp.Conformance;

/// <summary>What the agent answered.</summary>
/// <param name="Value">A system call's result, or another number.</param>
/// <param name="Signo">Signal, or 0.</param>
/// <param name="Code">si_code.</param>
/// <param name="Address">Faulting address.</param>
/// <param name="Done">Bytes before a fault, or all.</param>
/// <param name="Extra">A second number.</param>
internal readonly record struct AgentReply(long Value, long Signo, long Code, ulong Address, ulong Done, ulong Extra);

/// <summary>One agent process at the other end of a socket.</summary>
internal sealed class AgentConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _request = new byte[AgentImage.RequestBytes];
    private readonly byte[] _reply = new byte[AgentImage.ReplyBytes];
    private string _last = "start";

    internal AgentConnection(Socket socket, TimeSpan patience)
    {
        _socket = socket;
        _socket.ReceiveTimeout = (int)patience.TotalMilliseconds;
        _socket.SendTimeout = (int)patience.TotalMilliseconds;
        Pid = (int)Receive().Value;
    }

    /// <summary>Gets the agent's process.</summary>
    internal int Pid { get; }

    public void Dispose() => _socket.Dispose();

    internal long Syscall(uint number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        _last = $"system call {number}";
        return Ask(AgentImage.Op.Syscall, [number, a, b, c, d, e, f]).Value;
    }

    /// <summary>A system call that does not return: exec.</summary>
    internal void SyscallWithoutReply(uint number, ulong a, ulong b, ulong c) => Send(AgentImage.Op.Syscall, [number, a, b, c]);

    internal long Fork() => Ask(AgentImage.Op.Fork, []).Value;

    internal void Exit() => Send(AgentImage.Op.Exit, []);

    internal void Read(ulong address, Span<byte> data)
    {
        Ask(AgentImage.Op.Read, [address, (ulong)data.Length]);
        ReceiveAll(data);
    }

    internal void Write(ulong address, ReadOnlySpan<byte> data)
    {
        Send(AgentImage.Op.Write, [address, (ulong)data.Length]);
        SendAll(data);
        Receive();
    }

    internal UserSignal? Load(ulong address, Span<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            int n = Math.Min(AgentImage.StagingBytes, data.Length - done);
            AgentReply reply = Ask(AgentImage.Op.Load, [address + (ulong)done, (ulong)n]);
            ReceiveAll(data.Slice(done, (int)reply.Done));
            if (Signal(reply, (ulong)done) is { } signal)
                return signal;
            done += n;
        }

        return null;
    }

    internal UserSignal? Store(ulong address, ReadOnlySpan<byte> data)
    {
        for (int done = 0; done < data.Length;)
        {
            int n = Math.Min(AgentImage.StagingBytes, data.Length - done);
            Send(AgentImage.Op.Store, [address + (ulong)done, (ulong)n]);
            SendAll(data.Slice(done, n));
            if (Signal(Receive(), (ulong)done) is { } signal)
                return signal;
            done += n;
        }

        return null;
    }

    internal UserSignal? Fill(ulong address, ulong length, byte value) => Signal(Ask(AgentImage.Op.Fill, [address, length, value]), 0);

    internal UserSignal? Scan(ulong address, ulong length, out ulong nonzero, out ulong sum)
    {
        AgentReply reply = Ask(AgentImage.Op.Scan, [address, length]);
        nonzero = (ulong)reply.Value;
        sum = reply.Extra;
        return Signal(reply, 0);
    }

    /// <summary>Waits for the other end to close, as an exit or a successful exec does.</summary>
    /// <returns>Whether it did; false if it answered instead.</returns>
    internal bool Closes(out AgentReply reply)
    {
        try
        {
            reply = Receive();
            return false;
        }
        catch (AgentGoneException)
        {
            reply = default;
            return true;
        }
    }

    private static UserSignal? Signal(AgentReply reply, ulong before) =>
        reply.Signo == 0 ? null : new UserSignal((int)reply.Signo, (int)reply.Code, reply.Address, before + reply.Done);

    private AgentReply Ask(AgentImage.Op op, ReadOnlySpan<ulong> args)
    {
        Send(op, args);
        return Receive();
    }

    private void Send(AgentImage.Op op, ReadOnlySpan<ulong> args)
    {
        if (op != AgentImage.Op.Syscall)
            _last = op.ToString();
        Array.Clear(_request);
        BinaryPrimitives.WriteUInt64LittleEndian(_request, (ulong)op);
        for (int i = 0; i < args.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(_request.AsSpan(8 + (8 * i)), args[i]);
        SendAll(_request);
    }

    private AgentReply Receive()
    {
        ReceiveAll(_reply);
        return new AgentReply(
            BinaryPrimitives.ReadInt64LittleEndian(_reply),
            BinaryPrimitives.ReadInt64LittleEndian(_reply.AsSpan(8)),
            BinaryPrimitives.ReadInt64LittleEndian(_reply.AsSpan(16)),
            BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(24)),
            BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(32)),
            BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(40)));
    }

    private void SendAll(ReadOnlySpan<byte> data)
    {
        try
        {
            while (!data.IsEmpty)
                data = data[_socket.Send(data)..];
        }
        catch (SocketException e)
        {
            throw Gone(e);
        }
    }

    private void ReceiveAll(Span<byte> data)
    {
        try
        {
            while (!data.IsEmpty)
            {
                int got = _socket.Receive(data);
                if (got == 0)
                    throw new AgentGoneException($"the agent (process {Pid}) ended during {_last}");
                data = data[got..];
            }
        }
        catch (SocketException e)
        {
            throw Gone(e);
        }
    }

    private Exception Gone(SocketException e) => e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock
        ? new HostException($"the agent (process {Pid}) did not answer in {_socket.ReceiveTimeout / 1000} s: {_last}", e)
        : new AgentGoneException($"the agent (process {Pid}) ended during {_last}");
}

/// <summary>The agent closed its end.</summary>
internal sealed class AgentGoneException : Exception
{
    internal AgentGoneException(string message)
        : base(message)
    {
    }
}
